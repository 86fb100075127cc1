// Patches of several images in one call: planned first, then made strip by strip, whosever strip it is.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "patch_shape.h"
#include "resample.h"
#include "strips.h"
#include "threads.h"

namespace saccade {

/// One image, what it is resized to, and where its patches go.
template <typename Value>
struct PatchesRequest {
    Image source;
    ImageSize size;
    PassOrder order;
    Value* patches;
    std::int64_t capacity;
};

/// Throws InputError unless the request can be carried out; returns the shape of its patches.
template <typename Value>
PatchesShape check_request(const PatchesRequest<Value>& request, const Cut& cut, std::int64_t frames) {
    check_resize(request.source, request.size, request.order);
    const PatchesShape shape = patches_shape(request.size.width, request.size.height, cut, frames,
                                             {"target_width", "target_height", "temporal_patch_size"});
    if (request.patches == nullptr) reject("patches is NULL");
    check_capacity(request.capacity, shape.patches * shape.values, "patches");
    return shape;
}

/// Calls work(i) for each of a batch; what is wrong with an image is said of images[i] where there are several.
template <typename Work>
void for_each_image(std::size_t count, Work work) {
    for (std::size_t i = 0; i < count; ++i) {
        try {
            work(i);
        } catch (const InputError& error) {
            if (count == 1) throw;
            reject("images[", i, "]: ", error.what());
        }
    }
}

/// Plans each of `count` images with plan(i), which returns a unique_ptr to what has a `job()`, and runs the jobs.
template <typename Plan>
void run_planned(std::size_t count, Plan plan) {
    // The weights of so many are held at once, some 0.2 MB each for a large image.
    constexpr std::size_t kInFlight = 32;
    for (std::size_t first = 0; first < count; first += kInFlight) {
        const std::size_t some = std::min(kInFlight, count - first);
        std::vector<decltype(plan(first))> planned(some);
        Threads threads;
        if (some > 1) threads = threads_allowed();
        share_work(static_cast<int>(some), threads, [&](int i) {
            const auto at = static_cast<std::size_t>(i);
            planned[at] = plan(first + at);
        });
        std::vector<StripJob> jobs;
        for (const auto& one : planned) jobs.push_back(one->job());
        run_strips(jobs);
    }
}

}  // namespace saccade
