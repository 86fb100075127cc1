/// The names of tensors in the layouts of keys: the published one, transformers 5's, and mlx-community's.
enum KeyLayout {
    // A longer prefix comes before one that it begins with.
    private static let prefixes = [
        ("model.language_model.", "model."), ("language_model.lm_head", "lm_head"), ("language_model.model.", "model."),
        ("model.visual.", "visual."), ("vision_tower.", "visual."),
    ]

    /// Returns the published name of a tensor or layer from its name in any layout.
    static func published(_ name: String) -> String {
        for (prefix, replacement) in prefixes where name.hasPrefix(prefix) {
            return replacement + name.dropFirst(prefix.count)
        }
        return name
    }
}
