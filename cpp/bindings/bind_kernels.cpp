#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>
#include <sstream>

#include "arguments.h"

namespace binding {
namespace {

std::string kernel() {
    const char* name = saccade_kernel();
    if (name == nullptr) raise_input_error(saccade_last_message());
    return name;
}

std::vector<std::string> kernels() {
    const char* names = saccade_kernels();
    if (names == nullptr) raise_input_error(saccade_last_message());
    std::istringstream stream(names);
    std::vector<std::string> list;
    for (std::string name; stream >> name;) list.push_back(name);
    return list;
}

void select_kernel(const std::optional<std::string>& name) {
    check(saccade_select_kernel(name ? name->c_str() : nullptr));
}

std::optional<std::string> last_kernel() {
    const char* name = saccade_last_kernel();
    return name != nullptr ? std::optional<std::string>(name) : std::nullopt;
}

std::int64_t threads() {
    std::int64_t count = 0;
    check(saccade_threads(&count));
    return count;
}

void limit_threads(std::int64_t count) { check(saccade_limit_threads(count)); }

}  // namespace

void bind_kernels(nb::module_& module) {
    using namespace nb::literals;
    module.def("kernel", &kernel, "Return the name of this thread's kernel.");
    module.def("kernels", &kernels, "Return the names of the available kernels, fastest first.");
    module.def("select_kernel", &select_kernel, "name"_a.none(),
               "Set this thread's kernel. None restores the process's.");
    module.def("threads", &threads, "Return the maximum number of threads of a call by this thread.");
    module.def("limit_threads", &limit_threads, "count"_a,
               "Limit the calls of this thread to `count` threads. 0 restores the process's number.");
    module.def("last_kernel", &last_kernel,
               "Return the kernel of this thread's last resize or patches. None before the first.");
}

}  // namespace binding
