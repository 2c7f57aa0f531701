//! The "natural" order in which go-yaml writes the keys of Go maps.

use std::cmp::Ordering;

/// Compares two keys as go-yaml does (ksops-behaviour §6.3): runs of digits
/// by their number, other characters before letters.
///
/// Not an order in the mathematical sense: there are `a < b < c < a`. To
/// sort, use [`natural_sort_by`].
///
/// ```
/// use go_yaml::natural::natural_cmp;
/// use std::cmp::Ordering::Less;
/// assert_eq!(natural_cmp("a2", "a10"), Less);
/// assert_eq!(natural_cmp("a1", "aB"), Less);
/// ```
#[must_use]
pub fn natural_cmp(a: &str, b: &str) -> Ordering {
    let mut shared = 0;
    // Whether the digits just before the difference hold more than zeros.
    let mut digits_count = false;
    for (x, y) in a.chars().zip(b.chars()) {
        if x != y {
            return differing(a, b, shared, digits_count);
        }
        digits_count = is_digit(x) && (digits_count || x != '0');
        shared += x.len_utf8();
    }
    a.len().cmp(&b.len())
}

/// The comparison where both texts go on differently at byte `at`.
fn differing(a: &str, b: &str, at: usize, digits_count: bool) -> Ordering {
    let a_rest = a.get(at..).unwrap_or_default();
    let b_rest = b.get(at..).unwrap_or_default();
    let (Some(x), Some(y)) = (a_rest.chars().next(), b_rest.chars().next()) else {
        return a_rest.len().cmp(&b_rest.len());
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => x.cmp(&y),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            // `10` and `1` share a `1`: the zero is a digit of a number then,
            // not a leading zero.
            let inside = (x == '0' || y == '0') && digits_count;
            let (a_number, a_len) = number(a_rest, inside);
            let (b_number, b_len) = number(b_rest, inside);
            (a_number, a_len, x).cmp(&(b_number, b_len, y))
        }
    }
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// The number at the start of a text, wrapping as Go's `int64` does, and how
/// many digits it has.
fn number(text: &str, inside: bool) -> (i64, usize) {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold((i64::from(inside), 0), |(number, len), digit| {
        let number = number
            .wrapping_mul(10)
            .wrapping_add(i64::from(digit - b'0'));
        (number, len + 1)
    })
}

/// Sorts by key in natural order.
///
/// The relation is not transitive, so the result is an order in which every
/// two *neighbours* are right. The same keys give the same order whatever
/// theirs was before.
///
/// ```
/// use go_yaml::natural::natural_sort_by;
/// let mut names = vec!["a10", "b", "a9"];
/// natural_sort_by(&mut names, |name| name);
/// assert_eq!(names, ["a9", "a10", "b"]);
/// ```
pub fn natural_sort_by<T>(items: &mut Vec<T>, key: impl Fn(&T) -> &str) {
    items.sort_by(|a, b| key(a).cmp(key(b)));
    *items = merge_sort(std::mem::take(items), &key);
}

/// The standard library's sort may panic where an order is not total.
fn merge_sort<T>(mut left: Vec<T>, key: &impl Fn(&T) -> &str) -> Vec<T> {
    if left.len() < 2 {
        return left;
    }
    let mut sorted = Vec::with_capacity(left.len());
    let right = left.split_off(left.len() / 2);
    let mut right = merge_sort(right, key).into_iter().peekable();
    for item in merge_sort(left, key) {
        while let Some(smaller) =
            right.next_if(|other| natural_cmp(key(other), key(&item)) == Ordering::Less)
        {
            sorted.push(smaller);
        }
        sorted.push(item);
    }
    sorted.extend(right);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_of_the_specification() {
        let expected = [
            ".dockerconfigjson",
            "_z",
            "1",
            "01",
            "A",
            "B9",
            "B10",
            "a",
            "a-b",
            "a.b",
            "a1",
            "a2",
            "a10",
            "aB",
            "ab",
        ];
        let mut keys = expected.to_vec();
        keys.reverse();
        natural_sort_by(&mut keys, |key| key);
        assert_eq!(keys, expected);
    }

    #[test]
    fn numbers() {
        for (a, b) in [
            ("a1", "a01"),
            ("a9", "a10"),
            ("a100", "a101"),
            ("a10", "a20"),
            ("a2", "a10"),
            ("a10", "a100"),
            ("a-1", "a1"),
            ("a10b", "a1b"),
            ("a100", "a1001"),
            ("a05", "a6"),
            ("a", "a0"),
            ("1", "a"),
        ] {
            assert_eq!(natural_cmp(a, b), Ordering::Less, "{a} {b}");
            assert_eq!(natural_cmp(b, a), Ordering::Greater, "{b} {a}");
        }
    }

    #[test]
    fn order_is_the_same_from_run_to_run() {
        let mut expected = vec!["a01", "a1a", "a1b", "a2", "a10"];
        natural_sort_by(&mut expected, |key| key);
        for rotation in 1..5 {
            let mut keys = expected.clone();
            keys.rotate_left(rotation);
            natural_sort_by(&mut keys, |key| key);
            assert_eq!(keys, expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn neighbours_are_right(mut keys in proptest::collection::vec("[a-b0-2.é]{0,5}", 0..40)) {
            natural_sort_by(&mut keys, |key| key);
            for pair in keys.windows(2) {
                proptest::prop_assert!(natural_cmp(&pair[0], &pair[1]).is_le());
            }
        }

        #[test]
        fn comparing_is_antisymmetric(a in "[a-b0-2._A\u{e9}]{0,6}", b in "[a-b0-2._A\u{e9}]{0,6}") {
            proptest::prop_assert_eq!(natural_cmp(&a, &b), natural_cmp(&b, &a).reverse());
        }
    }
}
