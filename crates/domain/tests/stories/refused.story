# Each refusal says why, and what would help.

> blocked by SHOP-9
> claim
  refused: it waits for SHOP-9
