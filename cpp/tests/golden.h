// Reads the golden files that the Python and Swift tests also read.
#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace golden {

/// Reads rows of `columns` integers after "rows": to the end of the file.
inline std::vector<std::vector<std::int64_t>> read_rows(const char* path, std::size_t columns) {
    std::ifstream file(path);
    std::stringstream buffer;
    buffer << file.rdbuf();
    std::string text = buffer.str();
    const auto start = text.find("\"rows\":");
    if (start == std::string::npos) return {};
    text.erase(0, start + 7);
    for (char& letter : text) {
        if ((letter < '0' || letter > '9') && letter != '-') letter = ' ';
    }
    std::istringstream numbers(text);
    std::vector<std::vector<std::int64_t>> rows;
    std::vector<std::int64_t> row;
    for (std::int64_t number = 0; numbers >> number;) {
        row.push_back(number);
        if (row.size() == columns) rows.push_back(std::exchange(row, {}));
    }
    return rows;
}

}  // namespace golden
