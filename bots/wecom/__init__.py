"""WeCom (企业微信): smart bot over a long connection or by URL, and self-built app."""
