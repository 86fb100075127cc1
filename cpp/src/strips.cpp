#include "strips.h"

#include <algorithm>
#include <cmath>

#include "threads.h"

namespace saccade {
namespace {

/// Products of a weight and a sample below which waking a helper costs more than it saves.
constexpr double kWorthSharing = 4e6;

/// Several strips per thread, so that one late thread delays the others less. More strips overlap more.
constexpr std::int64_t kStripsPerThread = 3;

/// Minimum height of a strip, in overlaps. Strips overlap: each computes again the rows between the passes that it
/// shares with the previous strip.
constexpr std::int64_t kOverlaps = 12;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Returns the start of strip i of `strips`, in units. The first third, one per thread, is twice as high: fewer strips
/// overlap less, and low strips at the end let the threads finish together.
std::int64_t begin_of_strip(std::int64_t i, std::int64_t strips, std::int64_t units) {
    const std::int64_t high = strips / 3;
    return units * (i + std::min(i, high)) / (strips + high);
}

/// Returns the number of strips of a job; `share` is its part of all jobs' products.
std::int64_t strips_of(const StripJob& job, int threads, double share) {
    const std::int64_t height = job.plan->size().height, units = divide_up(height, job.unit);
    const std::int64_t max_strips = std::max<std::int64_t>(threads, height / (kOverlaps * job.plan->overlap()));
    const auto target = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(threads * kStripsPerThread)));
    return std::clamp<std::int64_t>(target, 1, std::min(units, max_strips));
}

}  // namespace

void run_strips(const std::vector<StripJob>& jobs) {
    double products = 0;
    for (const StripJob& job : jobs) products += job.plan->products();
    check_threads();
    Threads threads;
    if (products >= kWorthSharing) threads = threads_allowed();
    std::vector<std::int64_t> ends;  // end of each job's strips in the list of all strips
    std::int64_t count = 0;
    for (const StripJob& job : jobs) {
        count += threads.count == 1 ? 1 : strips_of(job, threads.count, job.plan->products() / products);
        ends.push_back(count);
    }
    share_work(static_cast<int>(count), threads, [&](int strip) {
        const auto at = static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), strip) - ends.begin());
        const StripJob& job = jobs[at];
        const std::int64_t before = at == 0 ? 0 : ends[at - 1], strips = ends[at] - before, i = strip - before;
        const std::int64_t height = job.plan->size().height, units = divide_up(height, job.unit);
        Workspace& workspace = Workspace::of_thread();
        const std::int64_t begin = begin_of_strip(i, strips, units), end = begin_of_strip(i + 1, strips, units);
        if (begin < end) job.work(begin * job.unit, std::min(height, end * job.unit), workspace);
        workspace.trim();
    });
    if (!jobs.empty()) note_last_kernel(jobs.back().plan->kernel());
}

}  // namespace saccade
