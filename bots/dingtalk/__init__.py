"""DingTalk (钉钉): Stream mode and HTTP callbacks in; AI cards, session webhooks and the open API out."""
