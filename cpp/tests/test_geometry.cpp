// smart_resize against the golden file that the Python and Swift tests also read.
#include <cstdlib>

#include "check.h"
#include "golden.h"

namespace {

void test_golden(const char* path) {
    const auto rows = golden::read_rows(path, 8);
    CHECK(rows.size() >= 5000);
    for (const auto& row : rows) {
        std::int64_t height = -1, width = -1;
        const int status = saccade_smart_resize(row[0], row[1], row[2], row[3], row[4], &height, &width);
        if (row[7] == 1) {
            CHECK(check::refused(status, "image: expected sides with a ratio of at most 200; got ") && height == -1 &&
                  width == -1);
        } else {
            CHECK(status == SACCADE_OK && height == row[5] && width == row[6]);
        }
    }
}

void test_limits() {
    std::int64_t h = 7, w = 9;
    const std::int64_t most = SACCADE_MAX_SIDE, huge = INT64_MAX, low = INT64_MIN;
    CHECK(check::refused(saccade_smart_resize(0, 1, 28, 1, 1, &h, &w), "height: expected 1 to 67108864; got 0"));
    CHECK(check::refused(saccade_smart_resize(huge, 1, 28, 1, 1, &h, &w),
                         "height: expected 1 to 67108864; got 9223372036854775807"));
    CHECK(check::refused(saccade_smart_resize(1, low, 28, 1, 1, &h, &w),
                         "width: expected 1 to 67108864; got -9223372036854775808"));
    CHECK(check::refused(saccade_smart_resize(1, 1, most + 1, 1, 1, &h, &w),
                         "factor: expected 1 to 67108864; got 67108865"));
    CHECK(check::refused(saccade_smart_resize(1, 1, 28, huge, 1, &h, &w),
                         "min_pixels: expected at most 9007199254740992; got "));
    CHECK(check::refused(saccade_smart_resize(1, 1, 28, 1, 0, &h, &w), "max_pixels: expected at least 1; got 0"));
    CHECK(h == 7 && w == 9);
    CHECK(saccade_smart_resize(most, most, most, low, huge, &h, &w) == SACCADE_OK && h == most && w == most);
    CHECK(saccade_smart_resize(1, 200, most, std::int64_t{1} << 53, huge, &h, &w) == SACCADE_OK);
    CHECK(h % most == 0 && w % most == 0 && h > 0 && w > h);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: test_geometry tests/golden/smart_resize.json\n");
        return 2;
    }
    test_golden(arguments[1]);
    test_limits();
    return check::finish();
}
