"""Webhooks to partners: what happened is a message in the transaction of its cause, signed, sent, retried, replayable.

`outbox` puts messages down, `delivering` sends them by the job queue, `endpoints` are where they go. All of it is told
in docs/webhooks.md.
"""
