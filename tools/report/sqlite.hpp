// SQLite as far as a file is written anew: statements, and rows for them.
//
// Errors  The first one stays; what follows it does nothing.
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>

namespace quire::report {

class Database {
 public:
  explicit Database(const std::string& path) {
    sqlite3* opened = nullptr;
    const int result =
        sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    handle_.reset(opened);
    note(result);
  }

  // What went wrong; empty: nothing.
  [[nodiscard]] const std::string& error() const { return error_; }

  void execute(const char* statements) {
    if (error_.empty())
      note(sqlite3_exec(handle_.get(), statements, nullptr, nullptr, nullptr));
  }

 private:
  friend class Rows;

  void note(int result) {
    if (error_.empty() && result != SQLITE_OK && result != SQLITE_DONE)
      error_ = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(result);
  }

  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
  std::string error_;
};

// Rows that go into a table: `statement` is an insert with as many '?' as add() has values.
class Rows {
 public:
  Rows(Database& database, const char* statement) : database_(database) {
    if (!database.error().empty()) return;
    sqlite3_stmt* prepared = nullptr;
    database.note(
        sqlite3_prepare_v2(database.handle_.get(), statement, -1, &prepared, nullptr));
    statement_.reset(prepared);
  }

  template <class... Values>
  void add(const Values&... values) {
    if (!database_.error().empty()) return;
    int column = 0;
    (bind(++column, values), ...);
    database_.note(sqlite3_step(statement_.get()));
    sqlite3_reset(statement_.get());
  }

 private:
  void bind(int column, std::string_view text) {
    database_.note(sqlite3_bind_text(statement_.get(), column, text.data(),
                                     static_cast<int>(text.size()), SQLITE_TRANSIENT));
  }
  void bind(int column, std::integral auto number) {
    database_.note(
        sqlite3_bind_int64(statement_.get(), column, static_cast<sqlite3_int64>(number)));
  }

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace quire::report
