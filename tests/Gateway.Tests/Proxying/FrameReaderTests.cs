using Gateway.Proxying.Sockets;
using Xunit;

namespace Gateway.Tests.Proxying;

public sealed class FrameReaderTests
{
    private const byte Text = 0x81;
    private const byte Ping = 0x89;
    private const byte Pong = 0x8A;
    private const byte Close = 0x88;

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(125, false)]
    [InlineData(126, true)]
    [InlineData(65_535, false)]
    [InlineData(65_536, true)]
    public void Frames_of_every_length_end_where_the_next_begins(int length, bool masked)
    {
        var reader = new FrameReader();

        Assert.True(reader.Pass(Frame(Text, length, masked)));
        Assert.True(reader.AtBoundary);
        Assert.False(reader.Pass(Frame(Ping, 4, masked)));
        Assert.True(reader.AtBoundary);
    }

    [Fact]
    public void Bytes_split_anywhere_are_read_the_same()
    {
        byte[] stream = [.. Frame(Text, 5, true), .. Frame(Ping, 3, true), .. Frame(Text, 200, true), .. Frame(Pong, 0, true)];
        for (var split = 1; split < stream.Length; split++)
        {
            var reader = new FrameReader();
            var data = reader.Pass(stream.AsSpan(0, split)) | reader.Pass(stream.AsSpan(split));
            Assert.True(data);
            Assert.True(reader.AtBoundary);
        }
    }

    [Fact]
    public void One_byte_at_a_time_the_middle_of_a_frame_is_no_boundary()
    {
        var reader = new FrameReader();
        var frame = Frame(Text, 130, true);
        for (var i = 0; i < frame.Length - 1; i++)
        {
            reader.Pass(frame.AsSpan(i, 1));
            Assert.False(reader.AtBoundary);
        }

        reader.Pass(frame.AsSpan(frame.Length - 1));
        Assert.True(reader.AtBoundary);
    }

    [Theory]
    [InlineData(Ping)]
    [InlineData(Pong)]
    [InlineData(Close)]
    public void Control_frames_are_no_data(byte opcode)
    {
        var reader = new FrameReader();

        Assert.False(reader.Pass(Frame(opcode, 10, true)));
        Assert.Equal(opcode == Close, reader.Closed);
    }

    [Fact]
    public void Continuation_around_a_ping_is_data()
    {
        var reader = new FrameReader();

        Assert.True(reader.Pass(Frame(0x01, 3, true)));
        Assert.False(reader.Pass(Frame(Ping, 0, true)));
        Assert.True(reader.Pass(Frame(0x80, 3, true)));
    }

    private static byte[] Frame(byte first, int length, bool masked)
    {
        var mask = masked ? (byte)0x80 : (byte)0;
        byte[] header = length switch
        {
            < 126 => [first, (byte)(mask | length)],
            < 65_536 => [first, (byte)(mask | 126), (byte)(length >> 8), (byte)length],
            _ => [first, (byte)(mask | 127), 0, 0, 0, 0, (byte)(length >> 24), (byte)(length >> 16), (byte)(length >> 8), (byte)length],
        };
        return [.. header, .. masked ? new byte[4] : [], .. new byte[length]];
    }
}
