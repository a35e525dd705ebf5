//! Voice quality by the E-model (ITU-T G.107), pure.
