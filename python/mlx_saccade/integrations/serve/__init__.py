"""An HTTP server: OpenAI's chat completions, and `locate`, `ask` and `plan` in plain JSON.

`app.build` makes the ASGI application, `listening.serve` runs it until a signal. Starlette and uvicorn come with the
extra `serve`.
"""
