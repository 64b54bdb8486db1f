"""Attacks on a policy: written as data, built for the policy at hand, decided by the core."""
