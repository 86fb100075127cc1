import XCTest

@testable import Saccade

/// The regular expressions that the readers of answers use.
final class PatternTests: XCTestCase {
    func find(_ pattern: Pattern, _ text: String) -> [String] {
        let scalars = Array(text.unicodeScalars)
        return pattern.all(scalars).map { String(scalars[$0.start..<$0.end]) }
    }

    func testMatches() {
        let cases: [(Pattern, String, [String])] = [
            (Pattern("a|ab"), "abab", ["a", "a"]),
            (Pattern("(?:a|ab)c"), "abc", ["abc"]),
            (Pattern("[0-9]+"), "12 x3", ["12", "3"]),
            (Pattern("[^0-9]{2,3}"), "1abcd2ef3g", ["abc", "ef"]),
            (Pattern("a+?b?"), "aab", ["a", "ab"]),
            (Pattern("<([a-z]+)>[^<]*</(?:x|y)>"), "<q>1</y><q>2</z>", ["<q>1</y>"]),
            (Pattern("(?P<q>[\"'])[^\"']*(?P=q)"), "'a' \"b' \"c\"", ["'a'", "\"c\""]),
            (Pattern(#"(?<![\w.])[0-9](?![\w.])"#), "1 x2 3. 4", ["1", "4"]),
            (Pattern(#"\bat\b"#), "at cat at", ["at", "at"]),
            (Pattern("^a$", multiline: true), "a\nba\na", ["a", "a"]),
            (Pattern("a$"), "a\na\n", ["a"]),
            (Pattern(#"a\Z"#), "a\n", []),
            (Pattern("kiß", ignoringCase: true), "KIß \u{212A}iß \u{212A}ıß", ["KIß", "\u{212A}iß", "\u{212A}ıß"]),
            (Pattern(#"\w+"#), "é_٣x ²–", ["é_٣x", "²"]),
            (Pattern(#"\s+"#), "a\u{3000}\u{1D}\tb", ["\u{3000}\u{1D}\t"]),
            (Pattern(".."), "a\nbc", ["bc"]),
            (Pattern("..", dotTakesNewlines: true), "a\nbc", ["a\n", "bc"]),
        ]
        for (pattern, text, expected) in cases { XCTAssertEqual(find(pattern, text), expected, text) }
    }

    func testGroups() {
        let text = Array("x=12,y=3".unicodeScalars)
        let match = Pattern("(?P<name>[a-z])=([0-9]+)(?:;(z))?").search(text, 1)
        XCTAssertEqual(match?["name"], "y")
        XCTAssertEqual(match?[2], "3")
        XCTAssertNil(match?[3])
        XCTAssertEqual(match?.range(2), 7..<8)
        XCTAssertNil(Pattern("y=").search(text, 0, end: 6))
        XCTAssertFalse(Pattern("x").matchesWhole("xx"))
        XCTAssertTrue(Pattern("x|xx").matchesWhole("xx"))
    }

    func testAMillionScalarsAreMatched() {
        let blanks = Array(repeating: Unicode.Scalar(" "), count: 1_000_000)
        XCTAssertEqual(Pattern(#"\s+"#).match(blanks)?.end, 1_000_000)
        XCTAssertNil(Pattern(#"\s+x"#).match(blanks))
    }
}
