//go:build cgo && !noopencv

#include <opencv2/core/utility.hpp>

extern "C" void biogate_opencv_single_thread(void) { cv::setNumThreads(1); }
