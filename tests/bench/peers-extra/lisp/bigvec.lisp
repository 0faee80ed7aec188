(defun main ()
  (let ((halves (make-array 16 :element-type 'double-float :adjustable t :fill-pointer 0)) (n 10000000))
    (dotimes (i n) (vector-push-extend (* 0.5d0 i) halves))
    (format t "~D ~D ~D~%" (length halves) (round (reduce #'+ halves)) (round (* 2 (aref halves (- n 1)))))))
