// What is mapped before a program's first instruction.
#pragma once

namespace quire::record {

// Tells it when called for the first time, which is before the first instruction.
void tell_image_once();

}  // namespace quire::record
