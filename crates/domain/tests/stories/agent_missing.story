# A missing program refuses the run with its mend; nothing is claimed.

> missing codex is not installed; `npm install -g @openai/codex`
> claim
  refused: codex is not installed; `npm install -g @openai/codex`
