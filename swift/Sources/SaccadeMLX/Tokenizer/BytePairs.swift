/// The vocabulary and merges of a byte-level BPE.
struct BytePairs {
    /// A merge of two tokens: its rank, lower first, and the token that it makes.
    struct Merge {
        let rank: Int32
        let token: Int32
    }

    /// Token of each byte; -1 for a byte without one.
    private let single: [Int32]
    private let merges: [UInt64: Merge]
    /// Tokens by their bytes, if whole pieces are looked up before merging.
    private let wholes: [[UInt8]: Int32]?

    init(words: [[UInt8]: Int32], merges: [UInt64: Merge], ignoresMerges: Bool) {
        single = (UInt8.min...UInt8.max).map { words[[$0]] ?? -1 }
        self.merges = merges
        wholes = ignoresMerges ? words : nil
    }

    /// The key of a pair of tokens.
    static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Appends the tokens of a piece. Time grows with n log n of its bytes.
    func encode(_ piece: ArraySlice<UInt8>, into ids: inout [Int]) {
        if let wholes, let id = wholes[Array(piece)] { return ids.append(Int(id)) }
        var tokens = piece.compactMap { byte -> Int32? in
            let token = single[Int(byte)]
            return token < 0 ? nil : token
        }
        if tokens.count > 1 { merge(&tokens) }
        for token in tokens where token >= 0 { ids.append(Int(token)) }
    }

    /// Merges the pair of lowest rank, the leftmost of equals, until there is none. A merged right token becomes -1.
    private func merge(_ tokens: inout [Int32]) {
        let count = tokens.count
        var next = Array(1...count)
        var previous = Array(-1..<(count - 1))
        var queue = MergeQueue()
        func offer(_ left: Int) {
            guard left >= 0, next[left] < count else { return }
            if let merge = merges[Self.key(tokens[left], tokens[next[left]])] {
                queue.push(.init(rank: merge.rank, place: Int32(left), token: merge.token))
            }
        }
        for left in 0..<(count - 1) { offer(left) }
        while let candidate = queue.pop() {
            let left = Int(candidate.place)
            let right = next[left]
            // A candidate is stale if one of its two tokens was merged since.
            guard tokens[left] >= 0, right < count,
                let merge = merges[Self.key(tokens[left], tokens[right])], merge.token == candidate.token,
                merge.rank == candidate.rank
            else { continue }
            tokens[left] = merge.token
            tokens[right] = -1
            next[left] = next[right]
            if next[left] < count { previous[next[left]] = left }
            offer(previous[left])
            offer(left)
        }
    }
}

/// A queue of merges, the lowest rank first, then the leftmost.
private struct MergeQueue {
    struct Candidate {
        let rank: Int32
        let place: Int32
        let token: Int32

        static func < (a: Candidate, b: Candidate) -> Bool { (a.rank, a.place) < (b.rank, b.place) }
    }

    private var heap: [Candidate] = []

    mutating func push(_ candidate: Candidate) {
        heap.append(candidate)
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Candidate? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var parent = 0
        while 2 * parent + 1 < heap.count {
            var child = 2 * parent + 1
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < heap[parent] else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return first
    }
}
