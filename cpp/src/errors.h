// The exception for invalid arguments, and helpers that build its message.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace saccade {

/// An error about an invalid argument. Its message is one line: "<argument>: expected X; got Y. <what to do>".
class InputError : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// Returns a user's text in quotes for a message: one line of ASCII, cut after about 80 characters.
inline std::string quoted(const char* text) {
    constexpr std::size_t max_length = 80;
    constexpr char digits[] = "0123456789abcdef";
    std::string text_in_quotes = "'";
    for (; *text != '\0' && text_in_quotes.size() <= max_length; ++text) {
        const auto byte = static_cast<unsigned char>(*text);
        if (byte >= 0x20 && byte <= 0x7e) {
            text_in_quotes += *text;
        } else {
            text_in_quotes += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return text_in_quotes + (*text == '\0' ? "'" : "...'");
}

/// Throws an InputError whose message is the concatenated parts.
template <typename... Parts>
[[noreturn]] void reject(const Parts&... parts) {
    std::ostringstream message;
    (message << ... << parts);
    throw InputError(message.str());
}

}  // namespace saccade
