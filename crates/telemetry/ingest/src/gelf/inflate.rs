//! Compression told by the first bytes: senders say it wrongly or not at all.

use std::borrow::Cow;
use std::io::Read;

use crate::failure::{IngestError, code};

/// Decompresses gzip or zlib, at most `limit` bytes; anything else is taken as it is.
pub(crate) fn inflate(bytes: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, IngestError> {
    match bytes {
        [0x1f, 0x8b, ..] => read(flate2::read::MultiGzDecoder::new(bytes), limit).map(Cow::Owned),
        // RFC 1950: method 8, and the first two bytes are a multiple of 31.
        [first, second, ..] if first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0 => {
            read(flate2::read::ZlibDecoder::new(bytes), limit).map(Cow::Owned)
        }
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

fn read(decoder: impl Read, limit: usize) -> Result<Vec<u8>, IngestError> {
    let mut out = Vec::new();
    let read = decoder.take(limit as u64 + 1).read_to_end(&mut out);
    read.map_err(|error| {
        IngestError::new(
            400,
            code::COMPRESSION,
            format!("the compressed message is damaged: {error}"),
            "send gzip, zlib or plain JSON",
        )
    })?;
    if out.len() > limit {
        return Err(IngestError::new(
            413,
            code::TOO_LARGE,
            format!("the message has more than {limit} bytes after decompression"),
            "send it in parts",
        ));
    }
    Ok(out)
}
