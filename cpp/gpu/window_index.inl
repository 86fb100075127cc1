// The window order of tokens, and the starts of windows: one thread per token.

#define WINDOW_GRID_INTS 6
#define WINDOW_GRID_FIRST 0              // token
#define WINDOW_GRID_FIRST_WINDOW 1
#define WINDOW_GRID_ROWS 2               // of a frame, in tokens
#define WINDOW_GRID_COLUMNS 3
#define WINDOW_GRID_SIDE 4               // of a window, in tokens
#define WINDOW_GRID_PATCHES_PER_TOKEN 5

/// index: int [tokens], the raster index of each token in window order. boundaries: int [windows + 1], in patches.
KERNEL(window_index)(READS(int) grids, WRITES(int) index, WRITES(int) boundaries, uint group, uint in_group) {
    const int token = (int)(group * THREADS + in_group);
    if (token < end_of_rows(grids, WINDOW_GRID_INTS)) {
        const int grid = find_row(grids, WINDOW_GRID_INTS, token);
        const int rows = grids[grid + WINDOW_GRID_ROWS], columns = grids[grid + WINDOW_GRID_COLUMNS], side = grids[grid + WINDOW_GRID_SIDE];
        const int in_grid = token - grids[grid + WINDOW_GRID_FIRST], in_frame = in_grid % (rows * columns);
        const int frame = in_grid / (rows * columns), before = token - in_frame;
        const int row = in_frame / columns, column = in_frame % columns;
        index[before + place_in_windows(rows, columns, side, row, column)] = token;

        // The first token of a window writes the window's end.
        if (row % side == 0 && column % side == 0) {
            const int across = (columns + side - 1) / side, down = (rows + side - 1) / side;
            const int window = grids[grid + WINDOW_GRID_FIRST_WINDOW] + (frame * down + row / side) * across + column / side;
            const int tokens = smaller(side, rows - row) * smaller(side, columns - column);
            const int end = before + place_in_windows(rows, columns, side, row, column) + tokens;
            boundaries[window + 1] = end * grids[grid + WINDOW_GRID_PATCHES_PER_TOKEN];
        }
        if (token == 0) boundaries[0] = 0;
    }
    END_KERNEL
}
