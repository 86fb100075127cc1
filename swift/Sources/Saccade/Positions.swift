import CSaccade

/// Returns the row and column of each patch, for the rotary embedding of the vision tower.
///
/// - Parameters:
///   - grids: of each image or video, in patches; rows and columns multiples of `mergeSize`.
///   - mergeSize: patches per side of a token.
/// - Returns: `[patches, 2]`: row and column of each patch in merge-block order, repeated for each frame; grids
///   concatenated.
/// - Throws: `SaccadeError.input` if there is no grid, or if a grid is not positive or not divisible;
///   `SaccadeError.memory` if the result does not fit into memory.
public func visionPositions(_ grids: [PatchGrid], mergeSize: Int = 2) throws(SaccadeError) -> [Int32] {
    let triples = triples(grids)
    var patches: Int64 = 0
    try check(saccade_patch_count(triples, Int64(grids.count), Int64(mergeSize), &patches))
    var positions: [Int32] = try zeros(2 * Int(patches))
    try check(
        saccade_vision_positions(triples, Int64(grids.count), Int64(mergeSize), &positions, 2 * patches))
    return positions
}

/// The positions of a prompt's tokens in time, height and width.
public struct MRoPEPositions: Hashable, Sendable {
    /// `[3, length]`: temporal, height and width position of each token.
    public var positions: [Int32]
    /// Largest position + 1 - length. Added to the index of a later token, it gives the token's position.
    public var delta: Int
}

/// The ids of the tokens that mark images and videos in a prompt.
public struct VisionTokenIDs: Hashable, Sendable {
    /// Placeholder of one visual token of an image.
    public var image: Int
    /// Placeholder of one visual token of a video.
    public var video: Int
    /// Token before an image or video.
    public var visionStart: Int

    /// Creates ids. All three must differ.
    public init(image: Int, video: Int, visionStart: Int) {
        self.image = image
        self.video = video
        self.visionStart = visionStart
    }
}

/// Returns the positions of a prompt's tokens in time, height and width (M-RoPE), as transformers' `get_rope_index` of
/// Qwen2-VL and Qwen2.5-VL with `mm_token_type_ids`.
///
/// Each text token advances all three by one. In a run of image or video tokens that starts at position p, the token at
/// (frame, row, column) has (p + time, p + row, p + column). The text after it starts at p + max(rows, columns).
///
/// - Parameters:
///   - inputIDs: of one prompt without padding, at least one.
///   - tokenIDs: ids of the placeholders.
///   - imageGrids: of each image in patches, in the order of the prompt.
///   - videoGrids: of each video in patches.
///   - secondsPerGrid: seconds between the frames of each video's grid, one per video. If empty, frames are one position
///     apart, as in Qwen2-VL.
///   - mergeSize: patches per side of a token.
///   - tokensPerSecond: positions per second of video.
/// - Throws: `SaccadeError.input` if the runs of image or video tokens do not match the grids, or if a value is out of
///   range; `SaccadeError.memory` if the result does not fit into memory.
public func mropePositions(
    _ inputIDs: [Int], tokenIDs: VisionTokenIDs, imageGrids: [PatchGrid] = [], videoGrids: [PatchGrid] = [],
    secondsPerGrid: [Double] = [], mergeSize: Int = 2, tokensPerSecond: Int = 2
) throws(SaccadeError) -> MRoPEPositions {
    let ids = inputIDs.map { Int64($0) }
    let (images, videos) = (triples(imageGrids), triples(videoGrids))
    let (count, overflow) = ids.count.multipliedReportingOverflow(by: 3)
    guard !overflow else { throw .input("inputIDs: expected at most 2^31 - 1 tokens; got \(ids.count)") }
    var result = MRoPEPositions(positions: try zeros(count), delta: 0)
    var delta: Int64 = 0
    let status = ids.withUnsafeBufferPointer { ids in
        images.withUnsafeBufferPointer { images in
            videos.withUnsafeBufferPointer { videos in
                secondsPerGrid.withUnsafeBufferPointer { seconds in
                    var prompt = saccade_mrope_prompt(
                        input_ids: ids.baseAddress, length: Int64(ids.count), image_grids: images.baseAddress,
                        image_count: Int64(imageGrids.count), video_grids: videos.baseAddress,
                        video_count: Int64(videoGrids.count), seconds_per_grid: seconds.baseAddress,
                        seconds_count: Int64(seconds.count), image_token_id: Int64(tokenIDs.image),
                        video_token_id: Int64(tokenIDs.video), vision_start_token_id: Int64(tokenIDs.visionStart),
                        merge_size: Int64(mergeSize), tokens_per_second: Int64(tokensPerSecond))
                    return saccade_mrope_positions(&prompt, &result.positions, Int64(count), &delta)
                }
            }
        }
    }
    try check(status)
    result.delta = Int(delta)
    return result
}
