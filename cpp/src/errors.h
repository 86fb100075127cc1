// The one exception of a caller's mistake, and the way to raise it.
#pragma once

#include <sstream>
#include <stdexcept>

namespace saccade {

/// An argument that cannot be used. The message is one line: which argument, what is wrong, what would be right.
class InputError : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// Throws an InputError whose message is the parts one after the other.
template <typename... Parts>
[[noreturn]] void reject(const Parts&... parts) {
    std::ostringstream message;
    (message << ... << parts);
    throw InputError(message.str());
}

}  // namespace saccade
