// The size of a group, and integer functions of all kernels.

#define THREADS 256  // of a group

FUNCTION(int) smaller(int a, int b) { return a < b ? a : b; }

/// Returns the index in `table` of the row that `value` belongs to: the last one whose first field is not above it.
FUNCTION(int) find_row(READS(int) table, int row_ints, int value) {
    int low = 0, high = table[0];
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (table[1 + middle * row_ints] <= value) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return 1 + low * row_ints;
}

/// Returns the first field of the row after the last: the end of all rows.
FUNCTION(int) end_of_rows(READS(int) table, int row_ints) { return table[1 + table[0] * row_ints]; }
