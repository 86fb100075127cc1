#include "strips.h"

#include <algorithm>

#include "threads.h"

namespace saccade {
namespace {

/// Work, in products of a weight and a sample, below which waking a helper costs more than it saves: some 0.1 ms.
constexpr double kWorthSharing = 4e6;

constexpr std::int64_t kStripsAThread = 4;  // so that a thread which is interrupted holds up the others less

/// Strips overlap: each resamples again the rows between the passes that the one before also needed. They are at least
/// so many times as high as the overlap.
constexpr std::int64_t kOverlaps = 12;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

void run_strips(const Resampling& plan, std::int64_t unit,
                const std::function<void(std::int64_t, std::int64_t, Workspace&)>& work) {
    const std::int64_t height = plan.size().height, units = divide_up(height, unit);
    const int threads = plan.products() < kWorthSharing ? 1 : threads_allowed();
    std::int64_t strips = 1;
    if (threads > 1) {
        const std::int64_t most = std::max<std::int64_t>(threads, height / (kOverlaps * plan.overlap()));
        strips = std::min({units, most, threads * kStripsAThread});
    }
    share_work(static_cast<int>(strips), threads, [&](int i) {
        Workspace& workspace = Workspace::of_thread();
        work(units * i / strips * unit, std::min(height, units * (i + 1) / strips * unit), workspace);
        workspace.trim();
    });
    note_last_kernel(plan.kernel());
}

}  // namespace saccade
