using Gateway.Identity.Tokens;
using Xunit;

namespace Gateway.Tests.Identity;

public sealed class TokenTextTests
{
    [Fact]
    public void NewTexts_AreWellFormed_LongAndNeverTheSame()
    {
        var texts = Enumerable.Range(0, 200).Select(static _ => TokenText.New()).ToHashSet();

        Assert.Equal(200, texts.Count);
        Assert.All(texts, text => Assert.True(TokenText.IsWellFormed(text)));
        Assert.All(texts, text => Assert.Matches("^mjd_[A-Za-z0-9_-]{49}$", text));
    }

    [Fact]
    public void AnyOneCharacterChanged_IsNotWellFormed()
    {
        var text = TokenText.New();
        for (var i = 0; i < text.Length; i++)
        {
            var other = text[i] == 'A' ? 'B' : 'A';
            Assert.False(TokenText.IsWellFormed(text[..i] + other + text[(i + 1)..]));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("mjd_")]
    [InlineData("mjd_short")]
    [InlineData("ghp_0123456789012345678901234567890123456789012345678")]
    [InlineData("mjd_é123456789012345678901234567890123456789012345678")]
    public void AnythingElse_IsNotWellFormed(string text) => Assert.False(TokenText.IsWellFormed(text));
}
