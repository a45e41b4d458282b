using System.Buffers.Binary;
using Gateway.Machines;
using Xunit;

namespace Gateway.Tests.Machines;

/// <summary>Tokens here are made by the test: arrays of MessagePack as the platform's tokens are, with nothing in them that any platform knows.</summary>
public sealed class TokenExpiryTests
{
    // In two parts, so that nothing in this file has the shape of a token.
    private const string Prefix = "fm2" + "_";

    private const uint End = 1_900_000_000;

    [Fact]
    public void Macaroon_SaysWhenItEnds() => Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(End), TokenExpiry.Of("FlyV1 " + Token(Window(End))));

    [Fact]
    public void CaveatsOfOtherKinds_AreSteppedOver() => Assert.Equal(
        DateTimeOffset.FromUnixTimeSeconds(End),
        TokenExpiry.Of(Token([3, 0x91, 0x81, 0xcd, 0x01, 0x02, 0xa2, (byte)'r', (byte)'C'], [11, 0x93, 0xa1, (byte)'x', 0xc4, 2, 1, 2, 0xc0], Window(End))));

    [Fact]
    public void OfAllParts_TheEarliestEndCounts() =>
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(End), TokenExpiry.Of(Token(Window(End + 500), Window(End + 300)) + "," + Token(Window(End)) + "," + Token()));

    [Theory]
    [InlineData("")]
    [InlineData("Bearer not-a-macaroon")]
    [InlineData(Prefix)]
    [InlineData(Prefix + "!!!")]
    [InlineData(Prefix + "lJ")]
    [InlineData(Prefix + "3f////8=")]
    [InlineData(Prefix + "kZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkQ==")]
    public void WhatIsNoMacaroon_SaysNothing(string token) => Assert.Null(TokenExpiry.Of(token));

    [Fact]
    public void MacaroonWithoutAnEnd_SaysNothing() => Assert.Null(TokenExpiry.Of(Token([3, 0x90])));

    private static byte[] Window(uint end)
    {
        byte[] window = [4, 0x92, 0xce, 0x65, 0, 0, 0, 0xce, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(window.AsSpan(8), end);
        return window;
    }

    /// <summary>[nonce, location, caveats, tail].</summary>
    private static string Token(params byte[][] caveats)
    {
        byte[] bytes = [0x94, 0x93, 0xc4, 1, 7, 0xc4, 2, 8, 9, 0xc2, 0xa4, (byte)'f', (byte)'a', (byte)'k', (byte)'e', (byte)(0x90 + (caveats.Length * 2)), .. caveats.SelectMany(static caveat => caveat), 0xc4, 3, 1, 2, 3];
        return Prefix + Convert.ToBase64String(bytes);
    }
}
