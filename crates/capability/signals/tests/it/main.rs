//! What users rely on, through the platform.
