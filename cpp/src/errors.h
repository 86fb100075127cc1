// The one exception of a caller's mistake, and the ways to word and raise it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace saccade {

/// An argument that cannot be used. The message is one line: which argument, what is wrong, what would be right.
class InputError : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// Text from outside, in quotes, as a message can hold it: one line of ASCII, and not long.
inline std::string quoted(const char* text) {
    constexpr std::size_t most = 80;
    constexpr char digits[] = "0123456789abcdef";
    std::string shown = "'";
    for (; *text != '\0' && shown.size() <= most; ++text) {
        const auto byte = static_cast<unsigned char>(*text);
        if (byte >= 0x20 && byte <= 0x7e) {
            shown += *text;
        } else {
            shown += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return shown + (*text == '\0' ? "'" : "...'");
}

/// Throws an InputError whose message is the parts one after the other.
template <typename... Parts>
[[noreturn]] void reject(const Parts&... parts) {
    std::ostringstream message;
    (message << ... << parts);
    throw InputError(message.str());
}

}  // namespace saccade
