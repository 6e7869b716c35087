public final class Floats {
    public static void main(String[] args) {
        double[] ds = {0.0, -0.0, 1.0, 0.001, 0.000999, 1e-4, 9999999.0, 1e7, 1.23456789125E8, 1e21, 1.5, 0.1, 123456.789, 1e300, Double.MAX_VALUE, 1e-300, -2.5, 1.0/3, 100.0, 12345678.9, 9999999.999, 1.0E10, 1e100};
        for (double d : ds) System.out.println("d " + Long.toHexString(Double.doubleToRawLongBits(d)) + " " + d);
        float[] fs = {0f, 1f, 0.1f, 12.2f, 1e7f, 9999999f, 1e-3f, 0.00099f, Float.MAX_VALUE, 3.4e-5f, -7.25f, 1.0f/3, 16777216f};
        for (float f : fs) System.out.println("f " + Integer.toHexString(Float.floatToRawIntBits(f)) + " " + f);
    }
}
