//! The grammar of a descriptor's envelope, as Backstage's own code enforces it.
//!
//! Where Backstage's text and its code differ, the code counts: `a__b` is a name, `Foo` is not a
//! namespace, `a--b` is not a tag. Invariants: pure; every refusal names the field's path.

use andon_api::{ErrorCode, Metadata, Problem};

use crate::limits::{ANNOTATION_BYTES_MAX, ENTRIES_MAX, TEXT_BYTES_MAX};

/// Tells whether the text is 1 to 63 of `[A-Za-z0-9-_.]`, with a letter or digit at both ends.
pub(crate) fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(inner)
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// Tells whether the text is groups of the given characters joined by single `-`, 1 to 63 in all.
fn is_dashed(text: &str, allowed: fn(u8) -> bool) -> bool {
    (1..=63).contains(&text.len()) && text.split('-').all(|part| !part.is_empty() && part.bytes().all(allowed))
}

/// Tells whether the text is a DNS label: lower case letters and digits joined by single `-`.
pub(crate) fn is_dns_label(text: &str) -> bool {
    is_dashed(text, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Tells whether the text is DNS labels joined by `.`, at most 253 bytes.
pub(crate) fn is_dns_subdomain(text: &str) -> bool {
    (1..=253).contains(&text.len()) && text.split('.').all(is_dns_label)
}

/// Tells whether the text is `[prefix/]name`: the grammar of the keys of labels and annotations.
pub(crate) fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        None => is_name(text),
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_name(name),
    }
}

/// Tells whether the text may be a label's value: empty, or a name.
pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

/// Tells whether the text is a tag: `[a-z0-9:+#]` groups joined by single `-`.
pub(crate) fn is_tag(text: &str) -> bool {
    is_dashed(text, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b':' | b'+' | b'#'))
}

/// Makes the refusal of one field.
pub(crate) fn refuse(place: impl Into<String>, detail: impl Into<String>) -> Problem {
    Problem::new(ErrorCode::ObjectInvalid, detail).place(place)
}

/// Checks everything that the envelope says of itself.
///
/// # Errors
/// `OBJ-0002` with the path of the first field that breaks the grammar.
pub(crate) fn check_metadata(metadata: &Metadata) -> Result<(), Problem> {
    if !is_name(&metadata.name) {
        return Err(refuse("metadata.name", format!("`{}` is not a name.", clip(&metadata.name)))
            .hint("Use 1 to 63 letters, digits, `-`, `_` or `.`, with a letter or digit at both ends."));
    }
    if !is_dns_label(&metadata.namespace) {
        return Err(refuse("metadata.namespace", format!("`{}` is not a namespace.", clip(&metadata.namespace)))
            .hint("Use 1 to 63 lower case letters and digits, joined by single `-`."));
    }
    for (field, text) in [("title", &metadata.title), ("description", &metadata.description)] {
        if text.as_ref().is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(refuse(format!("metadata.{field}"), format!("The {field} is over {TEXT_BYTES_MAX} bytes.")));
        }
    }
    check_labels(metadata)?;
    check_annotations(metadata)?;
    check_tags(metadata)?;
    check_links(metadata)
}

fn check_labels(metadata: &Metadata) -> Result<(), Problem> {
    check_count("metadata.labels", metadata.labels.len())?;
    for (key, value) in &metadata.labels {
        let place = format!("metadata.labels.{}", clip(key));
        if !is_key(key) {
            return Err(refuse(place, format!("`{}` is not a label's key.", clip(key))).hint(KEY_HINT));
        }
        if !is_label_value(value) {
            return Err(refuse(place, format!("`{}` is not a label's value.", clip(value)))
                .hint("A label's value is empty or reads like a name; use an annotation for anything else."));
        }
    }
    Ok(())
}

const KEY_HINT: &str = "Write `name` or `prefix/name`, where the prefix is a lower case DNS name such as `example.com`.";

fn check_annotations(metadata: &Metadata) -> Result<(), Problem> {
    check_count("metadata.annotations", metadata.annotations.len())?;
    for (key, value) in &metadata.annotations {
        let place = format!("metadata.annotations.{}", clip(key));
        if !is_key(key) {
            return Err(refuse(place, format!("`{}` is not an annotation's key.", clip(key))).hint(KEY_HINT));
        }
        if value.len() > ANNOTATION_BYTES_MAX {
            return Err(refuse(place, format!("The annotation is over {ANNOTATION_BYTES_MAX} bytes.")));
        }
    }
    Ok(())
}

fn check_tags(metadata: &Metadata) -> Result<(), Problem> {
    check_count("metadata.tags", metadata.tags.len())?;
    match metadata.tags.iter().enumerate().find(|(_, tag)| !is_tag(tag)) {
        None => Ok(()),
        Some((index, tag)) => Err(refuse(format!("metadata.tags[{index}]"), format!("`{}` is not a tag.", clip(tag)))
            .hint("Use 1 to 63 of `a-z`, `0-9`, `:`, `+`, `#`, in groups joined by single `-`.")),
    }
}

fn check_links(metadata: &Metadata) -> Result<(), Problem> {
    check_count("metadata.links", metadata.links.len())?;
    for (index, link) in metadata.links.iter().enumerate() {
        let place = format!("metadata.links[{index}].url");
        if link.url.trim().is_empty() {
            return Err(refuse(place, "The link has no URL."));
        }
        if link.url.len() > TEXT_BYTES_MAX {
            return Err(refuse(place, format!("The link is over {TEXT_BYTES_MAX} bytes.")));
        }
    }
    Ok(())
}

fn check_count(place: &str, count: usize) -> Result<(), Problem> {
    if count > ENTRIES_MAX {
        return Err(refuse(place, format!("There are {count} entries; at most {ENTRIES_MAX} are kept.")));
    }
    Ok(())
}

/// Shortens what people wrote, so that an error never carries a megabyte.
pub(crate) fn clip(text: &str) -> String {
    if text.chars().count() <= 80 { text.to_owned() } else { text.chars().take(80).chain("…".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use andon_api::object::Link;
    use proptest::prelude::*;

    fn long(count: usize) -> String {
        "a".repeat(count)
    }

    #[test]
    fn names_are_what_backstages_code_takes() {
        for good in ["a", "A", "payments", "a__b", "a.b-c_D9", "0", &long(63)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", ".a", "a.", "_a", "a b", "a/b", "ä", &long(64)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_namespace_is_a_lower_case_dns_label() {
        for good in ["default", "a-b", "0a", &long(63)] {
            assert!(is_dns_label(good), "{good}");
        }
        for bad in ["Foo", "", "a--b", "-a", "a-", "a_b", "a.b", &long(64)] {
            assert!(!is_dns_label(bad), "{bad}");
        }
    }

    #[test]
    fn tags_take_the_names_of_languages_in_lower_case() {
        for good in ["java", "c++", "c#", "a:b", "a-b", "0", &long(63)] {
            assert!(is_tag(good), "{good}");
        }
        for bad in ["Java", "a--b", "-a", "a-", "", "a b", "a_b", "a.b", &long(64)] {
            assert!(!is_tag(bad), "{bad}");
        }
    }

    #[test]
    fn keys_may_have_a_prefix_that_is_a_dns_name() {
        for good in ["a", "backstage.io/managed-by", "github.com/project-slug", "a.b.c/d_E.f"] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a/b/c", "A.com/b", "a..b/c", &format!("{}/a", ["a"; 128].join("."))] {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn an_error_names_the_field() {
        let named = |name: &str| Metadata { name: name.to_owned(), namespace: "default".to_owned(), ..Metadata::default() };
        let place = |metadata: &Metadata| check_metadata(metadata).unwrap_err().place.unwrap();
        assert_eq!(place(&named("a b")), "metadata.name");
        let mut metadata = named("a");
        metadata.tags = vec!["ok".to_owned(), "Java".to_owned()];
        assert_eq!(place(&metadata), "metadata.tags[1]");
        metadata.tags.clear();
        metadata.labels.insert("team".to_owned(), "two words".to_owned());
        assert_eq!(place(&metadata), "metadata.labels.team");
        metadata.labels.clear();
        metadata.links.push(Link::default());
        assert_eq!(place(&metadata), "metadata.links[0].url");
        metadata.links.clear();
        assert!(check_metadata(&metadata).is_ok());
    }

    proptest! {
        #[test]
        fn what_fits_the_published_patterns_is_taken(
            name in "[A-Za-z0-9][-A-Za-z0-9_.]{0,61}[A-Za-z0-9]",
            namespace in "[a-z0-9]{1,10}(-[a-z0-9]{1,10}){0,4}",
            tag in "[a-z0-9:+#]{1,10}(-[a-z0-9:+#]{1,10}){0,4}",
        ) {
            prop_assert!(is_name(&name));
            prop_assert!(is_dns_label(&namespace));
            prop_assert!(is_tag(&tag));
            prop_assert!(is_key(&[namespace.as_str(), name.as_str()].join("/")));
        }

        #[test]
        fn no_text_makes_the_checks_fail_otherwise_than_by_an_error(text in ".{0,100}") {
            let metadata = Metadata { name: text.clone(), namespace: text.clone(), tags: vec![text], ..Metadata::default() };
            let _ = check_metadata(&metadata);
        }
    }
}
