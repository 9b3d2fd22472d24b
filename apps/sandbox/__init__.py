"""Pretend WeChat Pay (API v3) and Alipay (certificate mode) for the demo and the tests.

A small HTTP server of its own, never installed in production. It answers on the same paths, with the same
signatures, encryption and order rules as the real platforms, so that the real SDKs talk to it over real HTTP;
what it plays with test keys it can also delay, repeat, lose and forge on request. It knows nothing of the
other applications.
"""
