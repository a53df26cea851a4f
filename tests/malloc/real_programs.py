#!/usr/bin/env python3
"""Unmodified programs on a malloc of choice give what they give on their own:

    real_programs.py [--preload LIBRARY] [--stats] PROGRAM...

PROGRAM is sqlite3, python3, sort, g++ or redis. Each runs plain first, then with the library
preloaded, and both must agree. --stats: the library is Quire's, and must say at exit how much it
served."""

import argparse
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

SECONDS = 240  # for any one program
STATS = re.compile(rb"quire malloc: ")

SQL = """
CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
  INSERT INTO t SELECT i, hex(i * 7919 % 65536) || 'x', i * 0.5 FROM n;
CREATE INDEX by_name ON t(name);
SELECT count(*), sum(value), min(name), max(name) FROM t;
SELECT length(group_concat(name)) FROM t WHERE id % 3 = 0;
UPDATE t SET name = name || id WHERE id % 5 = 0;
DELETE FROM t WHERE id % 7 = 0;
SELECT name, count(*) FROM t GROUP BY substr(name, 1, 2) ORDER BY 2 DESC, 1 LIMIT 20;
SELECT a.id, b.id FROM t a JOIN t b ON a.name = b.name WHERE a.id < b.id ORDER BY 1, 2 LIMIT 20;
VACUUM;
PRAGMA integrity_check;
"""

PYTHON = """
import hashlib, json, os, re, subprocess, threading
words = [f"{i * 7919 % 10007:x}" * (i % 9 + 1) for i in range(60000)]
table = {word + str(i): [word] * (i % 5) for i, word in enumerate(words)}
print(hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest())
print(len(re.findall(r"(\\\\w)\\\\1", " ".join(words))))
results = [None] * 8
def work(n):
    results[n] = sum(len(bytearray(i % 5000) + bytes(n)) for i in range(20000))
for _ in range(5):
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(results)
pid = os.fork()
if pid == 0:
    big = [bytes(i % 3000) for i in range(20000)]
    os._exit(len(big) % 251)
print(os.waitpid(pid, 0)[1])
print(subprocess.run(["/bin/echo", "a child"], capture_output=True).stdout)
block = bytearray(1)
for _ in range(25): block += bytes(block)
print(len(block))
"""

CXX = """
#include <algorithm>
#include <iostream>
#include <map>
#include <string>
#include <vector>
int main() {
  std::map<std::string, std::vector<int>> map;
  for (int i = 0; i < 100; ++i) map[std::to_string(i)].push_back(i);
  for (auto& [name, values] : map) {
    std::sort(values.begin(), values.end());
    std::cout << name << values.size() << '\\n';
  }
}
"""


class Runner:
    def __init__(self, library, wants_stats):
        self.library, self.wants_stats = library, wants_stats

    def environment(self, preload):
        environment = {**os.environ, "LC_ALL": "C", "PYTHONMALLOC": "malloc",
                       "PYTHONHASHSEED": "0"}
        if preload and self.library:
            environment["LD_PRELOAD"] = self.library
            if self.wants_stats:
                environment["QUIRE_MALLOC_STATS"] = "-"
        return environment

    def output(self, command, preload, text=b""):
        done = subprocess.run(command, input=text, env=self.environment(preload),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS)
        if done.returncode != 0:
            sys.stderr.buffer.write(done.stderr)
            raise SystemExit(f"{command[0]} ended with {done.returncode}, preload={preload}")
        if preload:
            self.check_stats(done.stderr)
        return done.stdout

    def check_stats(self, errors):
        if self.wants_stats and not STATS.search(errors):
            raise SystemExit("the library did not say what it served: was it loaded?")


def sqlite3(run, _):
    return lambda preload: run.output(["sqlite3", ":memory:"], preload, SQL.encode())


def python3(run, _):
    return lambda preload: run.output(["/usr/bin/python3", "-c", PYTHON], preload)


def sort(run, directory):
    path = os.path.join(directory, "lines")
    source = random.Random(7)
    with open(path, "w", encoding="ascii") as file:
        for _ in range(300_000):
            file.write("%x\n" % source.getrandbits(source.randrange(8, 256)))
    return lambda preload: run.output(["sort", "--parallel=4", "-S", "4M", "-T", directory, path],
                                      preload)


def gxx(run, directory):
    path = os.path.join(directory, "file.cpp")
    with open(path, "w", encoding="ascii") as file:
        file.write(CXX)

    def compile_and_read(preload):
        out = os.path.join(directory, "file.o")
        run.output(["g++", "-std=c++17", "-O1", "-g", "-c", path, "-o", out], preload)
        with open(out, "rb") as file:
            return file.read()

    return compile_and_read


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RedisServer:
    """A server of our own on loopback, ended with the scope; the client tools run plain."""

    def __init__(self, run, directory, preload):
        self.run, self.preload, self.port = run, preload, str(free_port())
        self.log = tempfile.TemporaryFile()
        self.server = subprocess.Popen(
            ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "",
             "--dir", directory, "--enable-debug-command", "yes"],
            env=run.environment(preload), stdout=self.log, stderr=self.log)

    def client(self, program, *arguments):
        return self.run.output([program, "-h", "127.0.0.1", "-p", self.port, *arguments], False)

    def __enter__(self):
        end = time.monotonic() + 30
        while time.monotonic() < end and self.server.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", int(self.port))).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise SystemExit("redis-server does not answer")

    def __exit__(self, *_):
        self.server.terminate()
        code = self.server.wait(30)
        self.log.seek(0)
        text = self.log.read()
        if code != 0:
            sys.stderr.buffer.write(text)
            raise SystemExit(f"redis-server ended with {code}")
        if self.preload:
            self.run.check_stats(text)


def redis(run, directory):
    def serve(preload):
        with RedisServer(run, directory, preload) as server:
            server.client("redis-benchmark", "-q", "-n", "5000", "-c", "20", "-r", "5000", "-d",
                          "300", "-t", "set,get,lpush,lrange_100,hset,zadd,mset")
            server.client("redis-cli", "FLUSHALL")
            filled = server.client("redis-cli", "EVAL", """
                for i = 1, 20000 do
                  redis.call('SET', 'key' .. i, string.rep('v', i % 700))
                  redis.call('HSET', 'hash' .. i % 50, 'field' .. i, i)
                  redis.call('ZADD', 'sorted', i * 7919 % 10007, 'member' .. i)
                  if i % 3 == 0 then redis.call('DEL', 'key' .. i - 1) end
                end
                return redis.call('DBSIZE')""", "0")
            saved = server.client("redis-cli", "SAVE")
            return filled + saved + server.client("redis-cli", "DEBUG", "DIGEST")

    return serve


PROGRAMS = {"sqlite3": sqlite3, "python3": python3, "sort": sort, "g++": gxx, "redis": redis}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preload", default="")
    parser.add_argument("--stats", action="store_true")
    parser.add_argument("programs", nargs="+", choices=PROGRAMS)
    arguments = parser.parse_args()
    run = Runner(os.path.abspath(arguments.preload) if arguments.preload else "", arguments.stats)
    for name in arguments.programs:
        with tempfile.TemporaryDirectory() as directory:
            program = PROGRAMS[name](run, directory)
            plain, preloaded = program(False), program(True)
        if plain != preloaded:
            raise SystemExit(f"{name}: {plain[-300:]!r} plain, {preloaded[-300:]!r} preloaded")
        print(f"{name}: {len(plain)} bytes, the same")


if __name__ == "__main__":
    main()
