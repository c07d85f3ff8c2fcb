// The checks that settings of a training share: Error E0611 names the setting, its value and what
// is allowed.
#pragma once

#include <initializer_list>
#include <span>
#include <string>

namespace gantry {

void check_number(const char* name, double value, double low, double high);
void check_word(const char* name, const std::string& value, std::span<const std::string> allowed);
void check_word(const char* name, const std::string& value,
                std::initializer_list<std::string> allowed);

}  // namespace gantry
