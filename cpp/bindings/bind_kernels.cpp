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
    std::istringstream words(names);
    std::vector<std::string> list;
    for (std::string name; words >> name;) list.push_back(name);
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
    module.def("kernel", &kernel, "Name of the compiled kernel that this thread uses.");
    module.def("kernels", &kernels, "Names of the kernels that this build has and this CPU runs, best first.");
    module.def("select_kernel", &select_kernel, "name"_a.none(),
               "Makes this thread use a kernel from now on; None: the process's again.");
    module.def("threads", &threads, "How many threads a call of this thread may use.");
    module.def("limit_threads", &limit_threads, "count"_a,
               "Limits the calls of this thread to so many threads; 0: the process's number again.");
    module.def("last_kernel", &last_kernel, "Kernel that made the pixels of this thread's last resize or patches.");
}

}  // namespace binding
