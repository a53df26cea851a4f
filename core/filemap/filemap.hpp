// Files' pages: mappings, the page cache over them, read-ahead and write-back.
#pragma once

#include "filemap/file.hpp"
#include "filemap/flusher.hpp"
#include "filemap/mapping.hpp"
#include "filemap/page_cache.hpp"
