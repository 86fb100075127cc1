// The kernels of this build and CPU.
#pragma once

#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "saccade.h"

namespace kernels {

inline const std::vector<std::string>& available() {
    static const std::vector<std::string> names = [] {
        std::istringstream stream(saccade_kernels());
        std::vector<std::string> list;
        for (std::string name; stream >> name;) list.push_back(name);
        return list;
    }();
    return names;
}

inline bool ran(const std::string& name) {
    return saccade_last_kernel() != nullptr && std::strcmp(saccade_last_kernel(), name.c_str()) == 0;
}

/// A scope in which the thread uses a kernel.
class Using {
  public:
    explicit Using(const std::string& name) : name_(name), status_(saccade_select_kernel(name.c_str())) {}
    Using(const Using&) = delete;
    Using& operator=(const Using&) = delete;
    ~Using() { saccade_select_kernel(nullptr); }
    bool ok() const { return status_ == SACCADE_OK && name_ == saccade_kernel(); }

  private:
    std::string name_;
    std::int32_t status_;
};

}  // namespace kernels
