// What every floor stands on: distinct units, results, assertions, integer arithmetic and text.
#pragma once

#include "base/assert.hpp"
#include "base/interval_tree.hpp"
#include "base/math.hpp"
#include "base/relaxed.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "base/thread_annotations.hpp"
#include "base/units.hpp"
