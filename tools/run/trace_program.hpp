// A recorded trace as programs of the engine: each of its threads is one.
//
// Order      Between two calls, threads do their accesses side by side; a call is made when all
//            have done theirs, by the thread whose it was, and only then does what follows begin.
//            So each access finds what it found when it was recorded.
// Addresses  As recorded: mappings are put where they came to lie.
// Files      By path, with the size they had, but for those of one trace that share a path;
//            descriptors are the trace's numbers of files.
// Ownership  The programs of one trace share its reader; the last one closes it.
// Errors     A damaged trace, or a call that succeeded when recorded and fails here, is a Fail with
//            the reason. A thread that was killed no longer takes part, nor do its children.
#pragma once

#include <memory>

#include "engine/program.hpp"
#include "tools/trace/trace.hpp"

namespace quire::run {

// The trace's first thread, whose actions start the others. How much of the trace is read, of
// TraceReader::kProgressWhole, is kept in `progress`, if that is not null.
std::unique_ptr<Program> make_trace_program(std::unique_ptr<trace::TraceReader> reader,
                                            std::shared_ptr<unsigned> progress = nullptr);

// Whether the program that a trace is of, by what is told first, has addresses beyond 4 GiB, which
// a machine of 32 bits has not. Reads on.
bool needs_64_bits(trace::TraceReader& reader);

}  // namespace quire::run
