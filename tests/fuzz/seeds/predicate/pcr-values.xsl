<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- The host's PCRs must have these values, and the quote must show each of them. Edit the list:
     one line a PCR, as index=value, each ended by a semicolon; values as `bulkhead attest` puts
     them into the evidence. Only for verifiers: at a start of a VM there is no quote. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:variable name="wanted" select="translate('
    0=0000000000000000000000000000000000000000000000000000000000000001;
    4=0000000000000000000000000000000000000000000000000000000000000005;
    7=0000000000000000000000000000000000000000000000000000000000000008;
  ', ' &#9;&#10;&#13;', '')"/>

  <xsl:template match="/projection">
    <xsl:variable name="wrong">
      <xsl:call-template name="compare">
        <xsl:with-param name="list" select="$wanted"/>
      </xsl:call-template>
    </xsl:variable>
    <xsl:choose>
      <xsl:when test="$wrong = '' and contains($wanted, ';') and pcr"><true/></xsl:when>
      <xsl:otherwise>
        <false><reason path="pcr">other or no value: <xsl:value-of select="$wrong"/></reason></false>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>

  <!-- The PCRs of the list that are not so, each followed by a space. -->
  <xsl:template name="compare">
    <xsl:param name="list"/>
    <xsl:if test="contains($list, ';')">
      <xsl:variable name="index" select="substring-before($list, '=')"/>
      <xsl:variable name="value" select="substring-before(substring-after($list, '='), ';')"/>
      <xsl:if test="not(pcr[@index = $index] = $value)">
        <xsl:value-of select="concat($index, ' ')"/>
      </xsl:if>
      <xsl:call-template name="compare">
        <xsl:with-param name="list" select="substring-after($list, ';')"/>
      </xsl:call-template>
    </xsl:if>
  </xsl:template>
</xsl:stylesheet>
