// Row and column of each patch, in merge-block order: one thread per patch.

#define POSITION_GRID_INTS 4
#define POSITION_GRID_FIRST 0    // patch
#define POSITION_GRID_ROWS 1     // of a frame, in patches
#define POSITION_GRID_COLUMNS 2
#define POSITION_GRID_MERGE 3    // patches along a side of a token

/// positions: int [patches, 2], (row, column).
KERNEL(vision_positions)(READS(int) grids, WRITES(int) positions, uint group, uint in_group) {
    const int patch = (int)(group * THREADS + in_group);
    if (patch < end_of_rows(grids, POSITION_GRID_INTS)) {
        const int grid = find_row(grids, POSITION_GRID_INTS, patch);
        const int columns = grids[grid + POSITION_GRID_COLUMNS], merge = grids[grid + POSITION_GRID_MERGE];
        const int in_frame = (patch - grids[grid + POSITION_GRID_FIRST]) % (grids[grid + POSITION_GRID_ROWS] * columns);
        const int block = in_frame / (merge * merge), in_block = in_frame % (merge * merge);
        const int across = columns / merge;
        positions[2 * patch] = block / across * merge + in_block / merge;
        positions[2 * patch + 1] = block % across * merge + in_block % merge;
    }
    END_KERNEL
}
