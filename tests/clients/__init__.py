"""Our Python client works on a real system, and others can be built from the OpenAPI document: linters pass it, and
generated clients work.

What comes from npm is pinned in clients/typescript, fetched once into .stack-ci and used by these tests alone. Where
npm is missing, or cannot fetch, they are skipped and say so.
"""
