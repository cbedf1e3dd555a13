"""The gate: Redis turns away who asks for more boxes than are left, before PostgreSQL is asked. It only refuses.

A pool's **notice** says what was left at one version of the pool, and lives for a second at most. It must never outlive
its truth, whatever is flushed, stopped or late:

* Before a process locks a pool and looks, it takes the pool's **lease**; a notice is only taken together with the lease
  that stood before its look. Who frees boxes throws notice and lease away *between its lock and its commit*. A notice
  that the commit makes untrue was looked up before that lock, so its lease is gone, and a lease taken later belongs
  to a look that waits for that commit. No second word after the commit is needed, and a crash in between is harmless.
* A notice ends a second after its lease was taken, by Redis's own clock, and before the next hold of the pool lapses or
  its window ends: a late command leaves nothing behind that has outlived this.
* Who has, or had, a hold of the pool is let through, for a smaller hold or the stored answer of a key. A notice names
  the **set** of these buyers, which the pool's journal fills up to the notice's version. A set that was flushed or
  evicted is another set, and notices that name the old one turn nobody away.
* Keys that keep a refusal are in the set, too, for their stored answer; these alone are not to be had again from the
  journal: after a flush their owner may be told once more, and in fresh words, that the boxes are sold out.
* Anything that is not in our form counts as absent; a tag made of the installation's secret is part of the form.

What is left: a process that cannot reach Redis frees boxes while others still reach it. They may refuse these boxes
until the notice's second is over. docs/decisions/0017-a-gate-that-only-refuses.md says why nobody waits for that.
"""
