//! The help of every command, as people read it.

use andon_cli::command;

/// Writes the help of a command and of everything below it.
fn help_of(path: &[&str]) -> String {
    let mut command = command().term_width(100);
    command.build();
    let mut found = &mut command;
    for name in path {
        found = found.find_subcommand_mut(name).unwrap();
    }
    let mut text = String::new();
    write_help(found.clone(), &mut text);
    text
}

fn write_help(mut command: clap::Command, text: &mut String) {
    let help = command.render_long_help().to_string();
    // The options of every command stand in the snapshot of the whole alone.
    let own = help
        .split("\nOptions of every command:")
        .next()
        .unwrap_or_default();
    let after = help
        .split("[possible values:")
        .last()
        .and_then(|_| command.get_after_help().map(ToString::to_string));
    let own = own.trim_end();
    let shown = match &after {
        Some(after) if !own.contains(after.trim_end()) => format!("{own}\n\n{after}"),
        _ => own.to_owned(),
    };
    text.push_str(&format!("{shown}\n\n────\n"));
    for inner in command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
    {
        write_help(inner.clone().term_width(100), text);
    }
}

#[test]
fn the_first_page_shows_every_command() {
    let mut command = command().term_width(100);
    insta::assert_snapshot!("andon", command.render_long_help().to_string());
}

#[test]
fn every_command_has_a_help_with_an_example() {
    for (name, paths) in [
        ("serve", &[&["serve"][..]][..]),
        (
            "delivery",
            &[&["check"], &["change"], &["andon"], &["import"], &["hook"]],
        ),
        (
            "objects",
            &[
                &["apply"],
                &["get"],
                &["delete"],
                &["history"],
                &["explain"],
                &["kinds"],
            ],
        ),
        ("telemetry", &[&["logs"], &["sql"], &["telemetry"], &["audit"]]),
        ("response", &[&["ack"], &["incident"], &["oncall"]]),
        (
            "learning",
            &[&["coe"], &["action"], &["policy"], &["review"], &["trace"]],
        ),
        (
            "server",
            &[
                &["token"],
                &["can"],
                &["demo"],
                &["status"],
                &["completions"],
            ],
        ),
    ] {
        let text: String = paths.iter().map(|path| help_of(path)).collect();
        insta::assert_snapshot!(format!("help-{name}"), text);
    }
}

#[test]
fn no_command_is_without_an_example() {
    fn walk(command: &clap::Command, path: &str) {
        let has_inner = command.get_subcommands().next().is_some();
        for inner in command
            .get_subcommands()
            .filter(|inner| inner.get_name() != "help")
        {
            walk(inner, &format!("{path} {}", inner.get_name()));
        }
        if !has_inner {
            let after = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(after.contains("Example"), "`{path}` has no example");
        }
    }
    walk(&command(), "andon");
}

#[test]
fn the_definition_of_the_commands_is_sound() {
    command().debug_assert();
}
