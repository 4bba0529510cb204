"""All code that works on waves.

One word per thing: a *recording* is an audio file, a *wave* its samples as an array, an *utterance* a recording once it
is analysed into frames. A *sentence* is what is said: recordings of one sentence by several speakers carry the same
`pair` in the manifest.
"""
