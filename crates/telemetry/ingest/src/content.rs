//! Content encodings: identity, gzip and zstd, whole or as a stream, always bounded.

use std::io::{self, Write};

use crate::failure::{IngestError, code};

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentEncoding {
    /// Not at all.
    #[default]
    Identity,
    /// RFC 1952, also several members.
    Gzip,
    /// RFC 8878, also several frames.
    Zstd,
}

impl ContentEncoding {
    /// Reads the header `Content-Encoding`.
    ///
    /// # Errors
    /// When it names another encoding.
    pub fn from_header(value: Option<&str>) -> Result<Self, IngestError> {
        match value
            .map(|value| value.trim().to_ascii_lowercase())
            .as_deref()
        {
            None | Some("" | "identity") => Ok(Self::Identity),
            Some("gzip" | "x-gzip") => Ok(Self::Gzip),
            Some("zstd") => Ok(Self::Zstd),
            Some(other) => Err(IngestError::new(
                415,
                code::ENCODING,
                format!(
                    "the content encoding `{}` is not read",
                    other.chars().take(40).collect::<String>()
                ),
                "send gzip, zstd or no encoding",
            )),
        }
    }
}

/// Decompresses piece by piece, so that the caller sees a bounded amount at a time.
pub(crate) enum Decompressor {
    Identity(Vec<u8>),
    Gzip(Box<flate2::write::MultiGzDecoder<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Vec<u8>>>),
}

impl Decompressor {
    pub(crate) fn new(encoding: ContentEncoding) -> Result<Self, IngestError> {
        Ok(match encoding {
            ContentEncoding::Identity => Self::Identity(Vec::new()),
            ContentEncoding::Gzip => {
                Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Vec::new())))
            }
            ContentEncoding::Zstd => {
                let mut decoder =
                    zstd::stream::write::Decoder::new(Vec::new()).map_err(|e| broken(&e))?;
                // Bounds the memory that a frame may ask for: 2^27 bytes is what zstd's own tools take.
                decoder.window_log_max(27).map_err(|e| broken(&e))?;
                Self::Zstd(Box::new(decoder))
            }
        })
    }

    /// Takes some of the input and says how much; call [`Self::output`] after each call.
    pub(crate) fn push(&mut self, input: &[u8]) -> Result<usize, IngestError> {
        match self {
            Self::Identity(out) => {
                let taken = input.len().min(64 * 1024);
                out.extend_from_slice(input.get(..taken).unwrap_or(input));
                Ok(taken)
            }
            Self::Gzip(decoder) => write_some(decoder.as_mut(), input),
            Self::Zstd(decoder) => write_some(decoder.as_mut(), input),
        }
    }

    /// What has been decompressed and not yet taken; the caller empties it.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Identity(out) => out,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
        }
    }

    /// Ends the input: a body that breaks off is an error.
    pub(crate) fn finish(&mut self) -> Result<(), IngestError> {
        match self {
            Self::Identity(_) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish().map_err(|e| broken(&e)),
            Self::Zstd(decoder) => decoder.flush().map_err(|e| broken(&e)),
        }
    }
}

fn write_some(decoder: &mut dyn Write, input: &[u8]) -> Result<usize, IngestError> {
    loop {
        match decoder.write(input) {
            Ok(0) if !input.is_empty() => {
                return Err(broken(&"data follows the end of the compressed body"));
            }
            Ok(taken) => return Ok(taken),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(&error)),
        }
    }
}

fn broken(error: &dyn std::fmt::Display) -> IngestError {
    IngestError::new(
        400,
        code::COMPRESSION,
        format!("the compressed body is damaged: {error}"),
        "check that the header Content-Encoding says what the body is",
    )
}

/// Decompresses a whole body of at most `limit` bytes.
pub(crate) fn decode_body(
    body: &[u8],
    encoding: ContentEncoding,
    limit: usize,
) -> Result<Vec<u8>, IngestError> {
    let mut decompressor = Decompressor::new(encoding)?;
    let mut out = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let taken = decompressor.push(rest)?;
        rest = rest.get(taken..).unwrap_or_default();
        take_output(&mut decompressor, &mut out, limit)?;
    }
    decompressor.finish()?;
    take_output(&mut decompressor, &mut out, limit)?;
    Ok(out)
}

fn take_output(
    decompressor: &mut Decompressor,
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<(), IngestError> {
    out.append(decompressor.output());
    if out.len() <= limit {
        return Ok(());
    }
    Err(IngestError::new(
        413,
        code::TOO_LARGE,
        format!("the body has more than {limit} bytes after decompression"),
        "send smaller batches",
    ))
}
