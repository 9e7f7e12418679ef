//! Reads what teams already have: CODEOWNERS, WORKFLOW.md, incidents; finds passages in them.
