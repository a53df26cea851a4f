# Thin: each target installs what it needs on Debian 12, then asks CMake. See CMakePresets.json.
PREFIX ?= /usr/local
MACHINES ?= examples/machines/*.toml
LEGS := asan fuzz tsan freestanding install

.PHONY: build run boot test test-unit bench install clean $(LEGS:%=test-%)

build:
	@scripts/install_deps.sh build
	@cmake --preset release >/dev/null
	@cmake --build --preset release

# The main job: recorded programs on a machine of two nodes, and a report of it. Your own program:
# make run PROGRAM="sort big.txt"; another machine: make run MACHINE=my.toml.
run: build
	@scripts/install_deps.sh $(if $(PROGRAM),record,build)
	@MACHINE="$(MACHINE)" scripts/run.sh $(PROGRAM)

# Boots each example machine; `make boot MACHINES=my.toml` boots yours.
boot: build
	@for machine in $(MACHINES); do \
	  echo "== quire boot $$machine"; build/quire boot "$$machine" || exit 1; done

# Everything, ending in one summary: the unit tests, tests/shape and all legs.
test:
	@scripts/install_deps.sh test
	@cmake --preset release >/dev/null
	@cmake --build --preset release
	@ctest --test-dir build --output-on-failure -j $$(nproc) --no-tests=error

# The same without the legs: what to run while working.
test-unit:
	@scripts/install_deps.sh test
	@cmake --preset release >/dev/null
	@cmake --build --preset release
	@ctest --test-dir build --output-on-failure -j $$(nproc) -LE '^leg$$' --no-tests=error

$(LEGS:%=test-%): test-%:
	@scripts/install_deps.sh test
	@scripts/leg.sh $*

bench:
	@scripts/install_deps.sh bench
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target all benchmarks
	@python3 bench/run.py --build build --out build/bench.json

install: build
	@cmake --install build --prefix $(PREFIX)

clean:
	rm -rf build build-* report/node_modules
