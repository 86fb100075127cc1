// Patches of several images in one call: plan all images, then run the strips of all.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "patch_shape.h"
#include "resample.h"
#include "strips.h"
#include "threads.h"

namespace saccade {

/// An image of a batch: its source, its resized size, and the output for its patches.
template <typename Value>
struct PatchesRequest {
    Image source;
    ImageSize size;
    Backend backend;
    Value* patches;
    std::int64_t capacity;
};

/// Returns the shape of a request's patches. Throws InputError if an argument is invalid.
template <typename Value>
PatchesShape check_request(const PatchesRequest<Value>& request, const PatchSpec& spec, std::int64_t frames) {
    check_resize(request.source, request.size, request.backend);
    const PatchesShape shape = patches_shape(request.size.width, request.size.height, spec, frames,
                                             {"target_width", "target_height", "temporal_patch_size"});
    if (request.patches == nullptr) reject("patches: expected a pointer; got NULL");
    check_capacity(request.capacity, shape.patches * shape.values, "patches");
    return shape;
}

/// Calls work(i) for each image of a batch. Of several images, an InputError's message begins with "images[i]: ".
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

/// Plans `count` images with plan(i), which returns a unique_ptr to an object with a `job()`, and runs the jobs.
template <typename Plan>
void run_planned(std::size_t count, Plan plan) {
    // Bounds the weights in memory: about 0.2 MB for a large image.
    constexpr std::size_t kInFlight = 32;
    for (std::size_t first = 0; first < count; first += kInFlight) {
        const std::size_t batch = std::min(kInFlight, count - first);
        std::vector<decltype(plan(first))> plans(batch);
        Threads threads;
        if (batch > 1) threads = threads_allowed();
        share_work(static_cast<int>(batch), threads, [&](int i) {
            const auto at = static_cast<std::size_t>(i);
            plans[at] = plan(first + at);
        });
        std::vector<StripJob> jobs;
        for (const auto& image_plan : plans) jobs.push_back(image_plan->job());
        run_strips(jobs);
    }
}

}  // namespace saccade
