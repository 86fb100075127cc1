// The place of a token in window order: the closed form of cpp/src/windows.h.

/// Returns the index of token (row, column) of a frame of rows x columns tokens in windows of side x side.
FUNCTION(int) place_in_windows(int rows, int columns, int side, int row, int column) {
    const int top = row - row % side, left = column - column % side;
    const int height = smaller(side, rows - top), width = smaller(side, columns - left);
    return top * columns + left * height + (row - top) * width + (column - left);
}
