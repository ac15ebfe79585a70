module hostprocess-shim/tests/conformance

go 1.26.6
