"""Small programs and web applications that use lapinq. README.md in this folder shows how to run them."""
