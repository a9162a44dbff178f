//! The severities of syslog (RFC 5424, 6.2.1) as OpenTelemetry's numbers (logs data model, appendix B).

/// Name and OpenTelemetry number of a syslog severity, 0 to 7.
pub(crate) fn of_syslog(severity: u8) -> Option<(&'static str, u8)> {
    Some(match severity {
        0 => ("emerg", 21),
        1 => ("alert", 19),
        2 => ("crit", 18),
        3 => ("err", 17),
        4 => ("warning", 13),
        5 => ("notice", 10),
        6 => ("info", 9),
        7 => ("debug", 5),
        _ => return None,
    })
}

/// The usual name of a syslog facility, 0 to 23.
pub(crate) fn facility(number: u8) -> Option<&'static str> {
    const NAMES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2",
        "local3", "local4", "local5", "local6", "local7",
    ];
    NAMES.get(usize::from(number)).copied()
}
